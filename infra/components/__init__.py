"""The parts of an environment, one file each.

The contract of a component: frozen keyword-only ``<Component>Args`` in, few typed outputs out,
children parented to it and named after it, ``register_outputs`` last. A component never imports
another one; ``infra/program.py`` joins them.
"""
