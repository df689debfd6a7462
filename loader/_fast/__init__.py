"""The loader's compiled inner loops: rows of persons and memberships between reading and building."""
