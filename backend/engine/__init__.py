from backend.engine.local import LocalEngine

__all__ = ["LocalEngine"]
