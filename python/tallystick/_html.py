"""What notebooks show."""

from ._core import HandlerInfo, Registry

_ROWS_MAX = 50


def _what(row: HandlerInfo) -> str:
    return row.name or getattr(row.function, "__qualname__", None) or repr(row.function)


def _cells(row: HandlerInfo) -> list[str]:
    calls = [] if row.fired is None else [str(row.fired)]
    failures = f"{row.failed} ({row.last_message})" if row.failed else "0"
    return [str(row.priority), _what(row), ", ".join(row.kinds or ("*",)), failures, *calls]


def _table_row(tag: str, cells: list[str]) -> str:
    from html import escape

    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def repr_html(self: Registry) -> str:
    from html import escape

    title = f"<b>{escape(repr(self))}</b>"
    if self.closed:
        return title
    rows = self.handlers()
    if not rows:
        return title
    head = ["priority", "handler", "kinds", "failed", *([] if rows[0].fired is None else ["fired"])]
    body = "".join(_table_row("td", _cells(row)) for row in rows[:_ROWS_MAX])
    more = f"<br>and {len(rows) - _ROWS_MAX} more" if len(rows) > _ROWS_MAX else ""
    return f"{title}<table>{_table_row('th', head)}{body}</table>{more}"
