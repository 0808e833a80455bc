//! How a walk goes on in a tree, without calling itself.

use tree_sitter::TreeCursor;

/// Goes to the next node that does not lie in this one, and says how far up that was; none when there is none.
pub(super) fn ahead(cursor: &mut TreeCursor<'_>) -> Option<usize> {
    let mut up = 0;
    while !cursor.goto_next_sibling() {
        if !cursor.goto_parent() {
            return None;
        }
        up += 1;
    }
    Some(up)
}
