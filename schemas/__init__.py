"""What a thing is: value objects, tables, events and rules.

Belongs here: facts about shapes, words and columns. Not here: anything that reads or writes.
"""
