"""How far a judge can be talked round: attack patterns on answers, and what each one gains with a given judge.

Left out: attacks that are searched for against one judge with its gradients or scores. They need that judge, and a
list that anyone can read says more about what a self-judged policy could stumble into.
"""
