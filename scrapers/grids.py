"""Lines that stand in rows and columns, whatever elements make them.

Belongs here: which column a line stands in, told by the words at its head. Not here: what the
columns hold.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scrapers.lines import Line, Path, common_path, is_under

# A head of more columns than this between two known ones is no head.
_REACH: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A head and the roles of its columns; `body` holds the rows.

    `width` is set where rows have no element of their own: then the cells follow one another.
    """

    head: Path
    body: Path
    roles: Mapping[int, str]
    unknown: tuple[str, ...]
    width: int | None

    def place(self, line: Line) -> tuple[Path, str] | None:
        """The row and the role of a line, or None outside the grid; an unknown column has the role ''."""
        depth = len(self.head)
        if len(line.path) <= depth or not is_under(line, self.body):
            return None
        if self.width is not None:
            first = min(self.roles)
            row, column = divmod(line.path[depth] - first, self.width)
            return ((*self.head, row), self.roles.get(column + first, "")) if row > 0 else None
        row_path = line.path[:depth]
        return None if row_path == self.head else (row_path, self._role(line.path[depth]))

    def _role(self, column: int) -> str:
        """A column without a head belongs to the one before it."""
        if column in self.roles:
            return self.roles[column]
        return self.roles[max((headed for headed in self.roles if headed < column), default=min(self.roles))]


def find_grid(lines: Sequence[Line], roles: Mapping[str, str], needed: str) -> Grid | None:
    """The first grid whose head holds two of the words that `roles` knows, one of them with the role that is needed."""
    for begin, line in enumerate(lines):
        if line.key not in roles:
            continue
        for other in lines[begin + 1 : begin + 1 + _REACH]:
            if other.key in roles and roles[other.key] != roles[line.key]:
                grid = _grid(lines[begin:], common_path((line, other)), roles)
                if grid is not None and needed in grid.roles.values():
                    return grid
                break
    return None


def rows_of(grid: Grid, lines: Iterable[Line]) -> dict[Path, dict[str, list[Line]]]:
    """The lines of every row by role, rows in the page's order."""
    rows: dict[Path, dict[str, list[Line]]] = {}
    for line in lines:
        place = grid.place(line)
        if place is not None:
            rows.setdefault(place[0], {}).setdefault(place[1], []).append(line)
    return rows


def _grid(lines: Sequence[Line], head: Path, roles: Mapping[str, str]) -> Grid | None:
    depth = len(head)
    if depth == 0:
        return None
    inside = [line for line in lines if is_under(line, head)]
    if any(len(line.path) == depth for line in inside):
        return None
    run = next((index for index, line in enumerate(inside) if line.key not in roles), len(inside))
    is_table = inside[0].tag in ("td", "th")
    if not is_table and (len(inside) > 2 * run or (run > 2 and len(inside) >= 2 * run - 1)):
        columns = {line.path[depth]: roles[line.key] for line in inside[:run]}
        is_run = max(columns) - min(columns) + 1 == len(columns) == run > 1
        return Grid(head=head, body=head, roles=columns, unknown=(), width=run) if is_run else None
    columns = {line.path[depth]: roles.get(line.key, "") for line in inside}
    unknown = tuple(line.text for line in inside if line.key not in roles)
    is_alone = depth > 1 and not is_table and sum(is_under(line, head[:-1]) for line in lines) == len(inside)
    return Grid(head=head, body=head[: -2 if is_alone else -1], roles=columns, unknown=unknown, width=None) if len(columns) > 1 else None
