"""What is around the cloud manager: its life, its clients and their network, agents, people, and
what is really configured at both sides.
"""
