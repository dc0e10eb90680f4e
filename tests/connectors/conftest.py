from tests.landing.conftest import delivery

__all__ = ["delivery"]
