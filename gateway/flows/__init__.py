"""One use case each; they know the domain and the ports, nothing else."""
