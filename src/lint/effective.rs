//! What is in force at a place: nginx's inheritance from `http` over `server` to nested locations.
//! Leaves to `location.rs`: which location serves a request.

use super::tree::Directive;

/// The blocks around a place, outermost first.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'a> {
    levels: Vec<Level<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Level<'a> {
    /// What the block belongs to; `None` outside all blocks.
    head: Option<&'a Directive>,
    body: &'a [Directive],
}

impl<'a> Scope<'a> {
    pub(super) fn outermost(body: &'a [Directive]) -> Self {
        Self { levels: vec![Level { head: None, body }] }
    }

    /// One level further in.
    pub(super) fn inside(&self, head: &'a Directive) -> Self {
        let mut levels = self.levels.clone();
        levels.push(Level { head: Some(head), body: head.body() });
        Self { levels }
    }

    /// The directives of this name that are in force: all those of the innermost level that has one.
    /// A level that has any inherits none, which is nginx's rule for `proxy_set_header`,
    /// `add_header`, `limit_req`, `limit_conn`, `error_page`, `access_log` and their like.
    pub(super) fn all(&self, name: &str) -> Vec<&'a Directive> {
        let level = self.level_of(name, self.levels.len());
        level.map_or_else(Vec::new, |at| named(self.levels[at].body, name).collect())
    }

    /// The one that is in force, of those that may stand once in a level.
    pub(super) fn one(&self, name: &str) -> Option<&'a Directive> {
        self.all(name).pop()
    }

    /// The header of this name that `proxy_set_header` sends to the backend.
    pub(super) fn header(&self, name: &str) -> Option<&'a Directive> {
        self.all("proxy_set_header")
            .into_iter()
            .find(|it| it.argument(1).eq_ignore_ascii_case(name))
    }

    /// Where a header of this name is set further out, but lost: a level further in has others.
    /// With it, the first of those others.
    pub(super) fn lost_header(&self, name: &str) -> Option<(&'a Directive, &'a Directive)> {
        const SET: &str = "proxy_set_header";
        let at = self.level_of(SET, self.levels.len())?;
        let is_it = |it: &&Directive| it.argument(1).eq_ignore_ascii_case(name);
        if named(self.levels[at].body, SET).any(|it| is_it(&it)) {
            return None;
        }
        let mut outer = self.levels[..at].iter().rev();
        let lost = outer.find_map(|level| named(level.body, SET).find(is_it))?;
        Some((lost, named(self.levels[at].body, SET).next()?))
    }

    /// What `set` gives a variable, named with its dollar, here and in the blocks around, with an
    /// `if` or without: nginx runs them all, from the outermost to the innermost.
    pub(super) fn set_values(&self, variable: &str) -> Vec<&'a str> {
        let bare = |text: &str| text.replace(['{', '}'], "");
        let wanted = bare(variable);
        let bodies = self.levels.iter().flat_map(|level| {
            let conditions = named(level.body, "if").map(Directive::body);
            [level.body].into_iter().chain(conditions)
        });
        let sets = bodies.flat_map(|body| named(body, "set"));
        let mut values: Vec<_> =
            sets.filter(|it| bare(it.argument(1)) == wanted).map(|it| it.argument(2)).collect();
        values.dedup();
        values
    }

    /// Whether what is in force of this name was set in a location, not further out.
    pub(super) fn is_local(&self, name: &str) -> bool {
        let level = self.level_of(name, self.levels.len());
        let head = level.and_then(|at| self.levels[at].head);
        head.is_some_and(|head| matches!(head.name(), "location" | "if"))
    }

    /// The innermost of the levels before `end` that has such a directive.
    fn level_of(&self, name: &str, end: usize) -> Option<usize> {
        self.levels[..end].iter().rposition(|level| named(level.body, name).next().is_some())
    }
}

/// The directives of a name that stand directly in a block.
pub(super) fn named<'a>(
    body: &'a [Directive],
    name: &str,
) -> impl Iterator<Item = &'a Directive> + use<'a> {
    let name = name.to_owned();
    body.iter().filter(move |directive| directive.name() == name)
}
