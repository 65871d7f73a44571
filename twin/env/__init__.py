"""Seeing and acting: observations, actions, policies, the PettingZoo environment."""
