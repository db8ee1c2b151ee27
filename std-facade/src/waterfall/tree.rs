//! The order of the rows: parents before their children, children by their start.

use std::collections::HashMap;

use jaegerling_core::ReferenceKind;
use jaegerling_core::collect::Trace;

/// One row of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) item: Item,
    /// 0 for a root.
    pub(super) depth: usize,
    /// Whether it is the last child of its parent.
    pub(super) is_last: bool,
    pub(super) has_children: bool,
    /// Whether it follows from its parent, instead of being a part of it.
    pub(super) follows: bool,
    /// Whether its parent is not shown, because the parents form a circle.
    pub(super) is_cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// The index of a span.
    Span(usize),
    /// The id of a span that did not come, but has children that did.
    Missing(u64),
}

/// A span, or one that is missing, while the tree is built.
struct Node {
    item: Item,
    start: i64,
    parent: Option<usize>,
    children: Vec<usize>,
    follows: bool,
    is_cut: bool,
}

/// All spans of the trace, each once. Takes O(n log n), whatever the parents are.
pub(super) fn rows(trace: &Trace) -> Vec<Row> {
    let mut nodes = nodes(trace);
    cut_circles(&mut nodes);
    let mut roots = Vec::new();
    for index in 0..nodes.len() {
        match nodes[index].parent {
            Some(parent) => nodes[parent].children.push(index),
            None => roots.push(index),
        }
    }
    sort(&nodes, &mut roots);
    for index in 0..nodes.len() {
        let mut children = std::mem::take(&mut nodes[index].children);
        sort(&nodes, &mut children);
        nodes[index].children = children;
    }
    flatten(&nodes, &roots)
}

/// The spans in their order, then those that are missing.
fn nodes(trace: &Trace) -> Vec<Node> {
    let mut by_id = HashMap::with_capacity(trace.spans.len());
    for (index, span) in trace.spans.iter().enumerate() {
        by_id.entry(span.span_id).or_insert(index);
    }
    let mut nodes = Vec::with_capacity(trace.spans.len());
    nodes.extend(trace.spans.iter().enumerate().map(|(index, span)| Node {
        item: Item::Span(index),
        start: span.start_time,
        parent: None,
        children: Vec::new(),
        follows: false,
        is_cut: false,
    }));
    for (index, span) in trace.spans.iter().enumerate() {
        let Some(link) = span.parent(trace.trace_id) else {
            continue;
        };
        let parent = *by_id.entry(link.span_id).or_insert_with(|| {
            nodes.push(Node {
                item: Item::Missing(link.span_id),
                start: i64::MAX,
                parent: None,
                children: Vec::new(),
                follows: false,
                is_cut: false,
            });
            nodes.len() - 1
        });
        nodes[parent].start = match nodes[parent].item {
            Item::Missing(_) => nodes[parent].start.min(span.start_time),
            Item::Span(_) => nodes[parent].start,
        };
        nodes[index].parent = Some(parent);
        nodes[index].follows = link.kind == ReferenceKind::FollowsFrom;
    }
    nodes
}

/// Takes the parent from the earliest span of each circle.
fn cut_circles(nodes: &mut [Node]) {
    /// The walk that came by first.
    const NOBODY: usize = usize::MAX;
    let mut walked_by = vec![NOBODY; nodes.len()];
    for walk in 0..nodes.len() {
        let mut at = walk;
        while walked_by[at] == NOBODY {
            walked_by[at] = walk;
            match nodes[at].parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
        if walked_by[at] == walk && nodes[at].parent.is_some() {
            // This walk met its own way.
            let earliest = earliest_of_circle(nodes, at);
            nodes[earliest].parent = None;
            nodes[earliest].is_cut = true;
        }
    }
}

fn earliest_of_circle(nodes: &[Node], begin: usize) -> usize {
    let (mut at, mut earliest) = (begin, begin);
    while let Some(parent) = nodes[at].parent {
        at = parent;
        if (nodes[at].start, at) < (nodes[earliest].start, earliest) {
            earliest = at;
        }
        if at == begin {
            break;
        }
    }
    earliest
}

fn sort(nodes: &[Node], indices: &mut [usize]) {
    indices.sort_by_key(|&index| (nodes[index].start, index));
}

fn flatten(nodes: &[Node], roots: &[usize]) -> Vec<Row> {
    let mut rows = Vec::with_capacity(nodes.len());
    // What is to be visited, the next one on top: index, depth, whether it is the last child.
    let mut stack: Vec<(usize, usize, bool)> = Vec::new();
    stack.extend(roots.iter().rev().map(|&root| (root, 0, true)));
    while let Some((index, depth, is_last)) = stack.pop() {
        let node = &nodes[index];
        rows.push(Row {
            item: node.item,
            depth,
            is_last,
            has_children: !node.children.is_empty(),
            follows: node.follows,
            is_cut: node.is_cut,
        });
        let mut is_last = true;
        for &child in node.children.iter().rev() {
            stack.push((child, depth + 1, is_last));
            is_last = false;
        }
    }
    rows
}
