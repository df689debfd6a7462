"""What operators look at, `/ops`: a page that says whether all is well, and if not what to look at and what to run.

pulse.py is what was counted in the last hour, reports.py what loads have come to, gather.py puts all of it together in
the shapes of state.py, findings.py judges it, and page.py, chart.py and the files beside them show it.
"""
