"""Pictures as codes: the codebook of a VQ model, and priors that draw codes from a prompt."""
