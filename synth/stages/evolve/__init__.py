"""The stage `evolve`: makes requests harder or rarer (Evol-Instruct)."""

from synth.stages.evolve.options import EvolveOptions
from synth.stages.registry import StagePlugin

STAGE = StagePlugin(EvolveOptions, "synth.stages.evolve.stage:Evolve")
