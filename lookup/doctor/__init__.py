"""`flr-lookup doctor`: looks at an installation, says what is wrong with it, and with which command that is mended.

It looks and changes nothing. One file for each thing that is looked at; a check is a function that is given the
installation and gives findings. docs/operations/doctor.md is the list of them.
"""
