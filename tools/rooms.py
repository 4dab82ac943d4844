"""Print the rooms of src/regenre by floor, with what each imports.

A room is a package below regenre, or a module beside them. Its floor is one above the highest room that it imports.
Exit status 1 if two rooms import each other by any way.
"""

import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

SOURCES = Path(__file__).parents[1] / "src"


def read_rooms() -> dict[str, set[str]]:
    """Return room -> the rooms that it imports."""
    graph = grimp.build_graph("regenre", exclude_type_checking_imports=True)
    rooms = {child.removeprefix("regenre."): set[str]() for child in graph.find_children("regenre")}
    for module in graph.modules - {"regenre"}:
        room = module.split(".")[1]
        imports = {name.split(".")[1] for name in graph.find_modules_directly_imported_by(module) if "." in name}
        rooms[room] |= imports - {room}
    return rooms


def find_floors(rooms: dict[str, set[str]]) -> dict[str, int]:
    """Return room -> floor, from 1."""
    floors: dict[str, int] = {}
    for room in TopologicalSorter(rooms).static_order():
        floors[room] = 1 + max((floors[below] for below in rooms[room]), default=0)
    return floors


def count_lines(room: str) -> tuple[int, int]:
    """Return the number of modules and of lines in a room."""
    folder = SOURCES / "regenre" / room
    paths = list(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    return len(paths), sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def main() -> None:
    """Print the table."""
    rooms = read_rooms()
    try:
        floors = find_floors(rooms)
    except CycleError as error:
        sys.exit(f"rooms import each other: {' -> '.join(error.args[1])}")
    for floor in sorted(set(floors.values()), reverse=True):
        for room in sorted(name for name, number in floors.items() if number == floor):
            n_modules, n_lines = count_lines(room)
            imports = ", ".join(sorted(rooms[room])) or "none"
            print(f"floor {floor}  {room:10s} {n_modules:3d} modules {n_lines:5d} lines  imports {imports}")
    n_arrows = sum(map(len, rooms.values()))
    print(f"{len(rooms)} rooms on {max(floors.values())} floors, {n_arrows} arrows, no circle")


if __name__ == "__main__":
    main()
