"""A diffusion model of drawn digits, trained from nothing."""
