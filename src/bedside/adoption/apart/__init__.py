"""Programs that run in environments of their own, beside libraries that do not fit together with ours.

They import nothing of bedside and are imported by nothing of it: what they are given and what they give are files.
"""
