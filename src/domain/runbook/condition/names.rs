//! What an expression reads and calls, and how deep it goes.

use std::collections::BTreeSet;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};

use super::MAX_TREE;

/// Something a condition reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// `["steps", "fence-primary", "state"]`.
    pub path: Vec<String>,
    /// Whether it is only asked if it is there: `has(…)`.
    pub is_tested: bool,
    /// Whether it goes on with an index that is not written out: `steps[x]`.
    pub is_open: bool,
}

/// What a condition reads and calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// The values.
    pub values: BTreeSet<Reference>,
    /// The functions, without operators.
    pub functions: BTreeSet<String>,
}

impl References {
    pub(super) fn of(root: &IdedExpr) -> Self {
        let mut found = Self::default();
        walk(root, &mut Vec::new(), &mut found);
        found
    }

    fn add(&mut self, path: Vec<String>, is_tested: bool, is_open: bool, bound: &[String]) {
        if path.first().is_some_and(|root| !bound.contains(root)) {
            self.values.insert(Reference { path, is_tested, is_open });
        }
    }
}

fn children(expr: &Expr) -> Vec<&IdedExpr> {
    match expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => vec![],
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(all) => {
            vec![&all.iter_range, &all.accu_init, &all.loop_cond, &all.loop_step, &all.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Map(map) => map.entries.iter().flat_map(|entry| parts(&entry.expr)).collect(),
        Expr::Struct(data) => data.entries.iter().flat_map(|entry| parts(&entry.expr)).collect(),
    }
}

fn parts(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

/// The depth of the tree, without recursion of its own.
pub(super) fn depth(root: &IdedExpr) -> usize {
    let (mut level, mut deep) = (vec![root], 0);
    while !level.is_empty() && deep <= MAX_TREE {
        level = level.into_iter().flat_map(|node| children(&node.expr)).collect();
        deep += 1;
    }
    deep
}

pub(super) fn nesting(node: &IdedExpr) -> usize {
    let inner = children(&node.expr).into_iter().map(nesting).max().unwrap_or(0);
    inner + usize::from(matches!(node.expr, Expr::Comprehension(_)))
}

/// `a.b['c']` as a path; the second value tells whether an index that is not a literal follows.
fn path(expr: &Expr) -> Option<(Vec<String>, bool)> {
    if let Expr::Ident(name) = expr {
        return Some((vec![name.clone()], false));
    }
    if let Expr::Select(select) = expr
        && !select.test
    {
        let (mut segments, is_open) = path(&select.operand.expr)?;
        segments.extend((!is_open).then(|| select.field.clone()));
        return Some((segments, is_open));
    }
    let Expr::Call(call) = expr else { return None };
    let [operand, index] = call.args.as_slice() else { return None };
    if call.func_name != "_[_]" {
        return None;
    }
    let (mut segments, is_open) = path(&operand.expr)?;
    if let Expr::Literal(LiteralValue::String(key)) = &index.expr
        && !is_open
    {
        segments.push(key.inner().to_string());
        return Some((segments, false));
    }
    Some((segments, true))
}

fn walk(node: &IdedExpr, bound: &mut Vec<String>, found: &mut References) {
    if let Some((path, is_open)) = path(&node.expr) {
        found.add(path, false, is_open, bound);
        return indices(&node.expr, bound, found);
    }
    if let Expr::Select(select) = &node.expr
        && let Some((mut path, is_open)) = path(&select.operand.expr)
    {
        path.extend((!is_open).then(|| select.field.clone()));
        found.add(path, true, is_open, bound);
        return indices(&select.operand.expr, bound, found);
    }
    if let Expr::Comprehension(all) = &node.expr {
        walk(&all.iter_range, bound, found);
        let outer = bound.len();
        bound.extend([all.iter_var.clone(), all.accu_var.clone()]);
        bound.extend(all.iter_var2.clone());
        for part in [&all.accu_init, &all.loop_cond, &all.loop_step, &all.result] {
            walk(part, bound, found);
        }
        return bound.truncate(outer);
    }
    if let Expr::Call(call) = &node.expr
        && call.func_name.starts_with(|c: char| c.is_alphabetic())
    {
        found.functions.insert(call.func_name.clone());
    }
    children(&node.expr).into_iter().for_each(|child| walk(child, bound, found));
}

/// Walks what stands in the brackets of a path: `facts.x` in `steps[facts.x].state`.
fn indices(expr: &Expr, bound: &mut Vec<String>, found: &mut References) {
    if let Expr::Select(select) = expr {
        indices(&select.operand.expr, bound, found);
    } else if let Expr::Call(call) = expr {
        if let Some(operand) = call.args.first() {
            indices(&operand.expr, bound, found);
        }
        call.args.iter().skip(1).for_each(|index| walk(index, bound, found));
    }
}
