"""Harder and rarer requests out of those that are there (Evol-Instruct)."""

from synth.stages.evolve.options import EvolveOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(EvolveOptions, "synth.stages.evolve.stage:Evolve")
