"""Neuron tracings: trees as arrays, what may be wrong with them, several tracers' trees."""
