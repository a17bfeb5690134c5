"""What can be computed about an adversarial loss without training a network."""

from relation_gan.gan.theory.dirac import DiracConfig, SolverConfig, SystemConfig, VariantConfig

__all__ = ["DiracConfig", "SolverConfig", "SystemConfig", "VariantConfig"]
