"""Writes a resolved model back: as plain data, as YAML, and as the digest of its content."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from twin.scenario.capacity import Capacity
from twin.scenario.yaml12 import Dumper


def plain(value: Any, defaults: bool) -> Any:
    """Dicts, lists and scalars of a model; fields at their default only where asked for.

    A field that can hold one word only, such as ``model: constant``, is always kept: it tells the
    reader which model it is.
    """
    if isinstance(value, Capacity) and not defaults:
        return value.short()
    if isinstance(value, BaseModel):
        return {
            name: plain(getattr(value, name), defaults)
            for name, info in type(value).model_fields.items()
            if defaults or _is_tag(info) or getattr(value, name) != info.get_default()
        }
    if isinstance(value, dict):
        return {key: plain(part, defaults) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, defaults) for part in value]
    return 0.0 if isinstance(value, float) and value == 0.0 else value


def _is_tag(info: FieldInfo) -> bool:
    return get_origin(info.annotation) is Literal and len(get_args(info.annotation)) == 1


def digest(model: BaseModel) -> str:
    """SHA-256 over the model's canonical JSON; the order of nodes and lanes is part of it."""
    text = json.dumps(plain(model, defaults=True), separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def to_yaml(model: BaseModel) -> str:
    """The model as YAML 1.2 without its defaults; times in days, masses in kilograms."""
    data = plain(model, defaults=False)
    style: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 100}
    return str(yaml.dump(data, Dumper=Dumper, default_flow_style=None, **style))
