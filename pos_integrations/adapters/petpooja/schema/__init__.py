"""PetPooja's own field names: what comes in (pydantic, lenient) and what goes out (TypedDict).

Source: PetPooja online ordering API v2.1.0 reference.
"""
