"""Tools that edit a neuron's tracing: each returns the edit and changes nothing itself."""
