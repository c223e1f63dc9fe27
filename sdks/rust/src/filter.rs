//! Topic filters as MQTT writes them.

use tonic::Code;

use crate::{Error, Result};

/// Ok for a well formed filter: `+` is one level, a trailing `#` the rest and the parent. A topic without wildcards is a
/// filter that matches itself.
///
/// # Errors
///
/// `InvalidArgument`, `bad_filter`.
pub fn check_filter(filter: &str) -> Result<()> {
    let bad = |why: &str| {
        let text = format!("topic filter {filter:?}: {why}");
        Err(Error::new(Code::InvalidArgument, "bad_filter", text))
    };
    if filter.is_empty() {
        return bad("it is empty");
    }
    if filter.contains('\0') {
        return bad("it contains U+0000");
    }
    let last = filter.split('/').count() - 1;
    for (i, level) in filter.split('/').enumerate() {
        if level.contains('#') && (level != "#" || i != last) {
            return bad("`#` must be the whole last level");
        }
        if level.contains('+') && level != "+" {
            return bad("`+` must be a whole level");
        }
    }
    Ok(())
}

/// Whether a well formed filter matches a topic. Levels are compared byte for byte; a leading wildcard matches no topic that
/// begins with `$`.
///
/// ```
/// assert!(msgbus::topic_matches("sensors/+/temp", "sensors/hall/temp"));
/// assert!(!msgbus::topic_matches("#", "$msgbus.delete"));
/// ```
pub fn topic_matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for want in filter.split('/') {
        match (want, levels.next()) {
            ("#", _) => return true,
            (_, None) => return false,
            ("+", Some(_)) => {}
            (want, Some(level)) if want == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

pub(crate) fn is_exact(filter: &str) -> bool {
    !filter.contains(['+', '#'])
}
