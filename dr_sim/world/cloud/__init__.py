"""The surroundings of the cloud manager: its life, its clients and their network, agents, people,
and the real configuration of both sides.
"""
