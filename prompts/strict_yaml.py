"""YAML as this project reads it: the safe subset, and a key given twice is an error, where PyYAML keeps the last."""

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a mapping with a key given twice. Keys merged in with `<<` may be overridden."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, yaml.Mark] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge" or not isinstance(key_node, yaml.ScalarNode):
                continue
            key = self.construct_object(key_node)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    f"{key!r} is given here", seen[key], "and a second time here", key_node.start_mark
                )
            seen[key] = key_node.start_mark
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> Any:
    """The document in `text`, None where it is empty. Raises yaml.YAMLError with line and column."""
    return yaml.load(text, _Loader)
