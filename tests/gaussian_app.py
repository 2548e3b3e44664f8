"""`python -m tests.gaussian_app FLAGS`: the studio with one family more."""

from app import main
from backend.families.registry import FAMILIES
from tests.gaussian_family import Gaussian

if __name__ == "__main__":
    main(families=FAMILIES.joined(Gaussian()))
