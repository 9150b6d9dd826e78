"""Provider catalogs: what each provider's tools are, as data.

One YAML file per provider under `providers/`, the JSON Schema they are held to,
the loader, and the content hash of every tool definition. No code of the
product knows a provider by name.
"""
