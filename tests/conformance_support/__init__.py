"""Holding catalogs against descriptions that their providers publish.

A `Description` is what a published file says, whatever its format (`openapi` reads OpenAPI 2 and 3); `differences`
tells what of a tool's requests is not in it.
"""
