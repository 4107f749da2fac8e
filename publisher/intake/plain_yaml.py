"""Loads the small YAML of post files: no aliases, no repeated keys, and days as people may write them."""

from __future__ import annotations

from typing import Any

import yaml

from publisher.core.characters import quote_value
from publisher.core.messages import Message, _
from publisher.posts.date_mistakes import describe_other_date


class YamlRefused(yaml.MarkedYAMLError):
    """Refuses what is valid YAML and no part of a post file."""

    def __init__(self, text: Message, mark: yaml.Mark) -> None:
        super().__init__(problem=str(text), problem_mark=mark)
        self.text = text


class PlainLoader(yaml.SafeLoader):
    """Loads YAML without aliases, because a few lines of them can expand to gigabytes, and without repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            raise YamlRefused(_("aliases (*name) can't be used; write the value out"), mark)
        node = super().compose_node(parent, index)
        keys: set[str] = set()
        for key, _value in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.value in keys:
                raise YamlRefused(_("{key} is given twice", key=quote_value(key.value)), key.start_mark)
            keys.add(str(key.value))
        return node


def _read_day(loader: PlainLoader, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        why = describe_other_date(node.value) or _("{value} is no moment of the calendar", value=node.value)
        raise YamlRefused(why, node.start_mark) from None


PlainLoader.add_constructor("tag:yaml.org,2002:timestamp", _read_day)
