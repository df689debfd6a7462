"""The FHIR R4 face: HTTP in, a question to the generation, resources out. Rules: docs/fhir.md."""
