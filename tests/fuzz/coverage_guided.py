"""Coverage-guided answers (atheris, libFuzzer): ``python -m tests.fuzz.coverage_guided RUNS OUT``.

The first byte of an input says which tool, the second whether the rest is sealed; the seeds are the
sound answers, error answers, mutations and the JSON corpus, and a dictionary holds what answers are
made of. Only Python is instrumented: the parsers (jiter, pydantic-core) are compiled.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["agents.gateway", "twin.tools"]):
    from agents.gateway import ambiguity, caller, clarify, plausible, schema
    from twin.tools import catalogue, wire

from stress.catalogue.luck import Draw
from stress.catalogue.mutations import MUTATIONS, mutated
from tests.fuzz.answer_path import DOORS, sound
from tests.fuzz.answers import CODES, FILES, TOKENS
from tests.fuzz.doors import Doors

LONGEST = 2_048
"""Bytes of an input; longer answers than the cap are made by mutations in the other engine."""
INSTRUMENTED = (ambiguity, caller, clarify, plausible, schema, catalogue, wire)


def input_for(door: str, body: bytes, seal: bool = True) -> bytes:
    """The input that stands for an answer."""
    return bytes([DOORS.index(door), seal]) + body


def answer_of(data: bytes) -> tuple[str, bytes]:
    """The answer that an input stands for."""
    if len(data) < 2:
        return DOORS[0], data
    body = data[2:]
    return DOORS[data[0] % len(DOORS)], wire.sealed(body) if data[1] % 2 and body else body


def seeds() -> list[bytes]:
    """Where libFuzzer begins."""
    found = []
    for door in DOORS:
        truth = sound(door)
        found += [input_for(door, wire.unsealed(truth)), input_for(door, truth, seal=False)]
        found += [input_for(door, catalogue.error_answer("c", door, code), False) for code in CODES]
        found.append(input_for(door, truth + b"\n" + truth, seal=False))
        for name, mutation in MUTATIONS.items():
            broken = mutated(wire.unsealed(truth), mutation, Draw(b"fuzz", name))
            found.append(input_for(door, broken[:LONGEST]))
    return found + [input_for(DOORS[0], text, seal=False) for text in FILES]


def main(runs: int, out: Path, seconds: int) -> None:
    """Fuzz; the outcome is written with the last input, since libFuzzer ends the process."""
    doors = Doors()

    def one_input(data: bytes) -> None:
        doors.put(*answer_of(data))
        if doors.count % 1_000 == 0 or doors.count == runs:
            out.write_text(doors.outcome().document(), encoding="utf-8")

    with tempfile.TemporaryDirectory() as folder:
        corpus, words = Path(folder) / "corpus", Path(folder) / "words"
        corpus.mkdir()
        for number, seed in enumerate(seeds()):
            (corpus / f"{number}").write_bytes(seed)
        quoted = ("".join(f"\\x{byte:02x}" for byte in token[:60]) for token in TOKENS)
        words.write_text("".join(f'"{token}"\n' for token in quoted), encoding="ascii")
        atheris.Setup(
            [
                sys.argv[0],
                f"-runs={runs}",
                f"-max_total_time={seconds}",
                f"-max_len={LONGEST}",
                f"-dict={words}",
                "-seed=1",
                "-verbosity=0",
                "-print_final_stats=1",
                f"-artifact_prefix={folder}{os.sep}",
                str(corpus),
            ],
            one_input,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
