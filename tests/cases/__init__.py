"""A folder of people's files and requests, walked through the real readers.

`python -m tests.cases FOLDER` prints a table: each case, what was there before, what comes out now,
and whether that is right. The folder lies outside the repository; what is right is told in `known`.
"""
