"""A monitor on a third machine, which knows nothing of what the recovery manager believes. PURE, as
recovery/ is.
"""
