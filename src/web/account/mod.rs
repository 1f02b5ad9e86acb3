//! The reader's own account: signing in and out, registering, API tokens.

pub(crate) mod login;
pub(crate) mod show;

/// The address of the sign-in page that leads back to `path`.
pub(crate) fn login_href(path: &str) -> String {
    let mut href = "/login?next=".to_owned();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            href.push(char::from(byte));
        } else {
            href.push_str(&format!("%{byte:02X}"));
        }
    }
    href
}

/// Where to go after signing in: `next` if it is a path on this site, else the start page.
///
/// This prevents open redirects. Anything that a browser could take for another site is refused:
/// the second character must be a letter or digit, and all must be visible ASCII but no backslash.
fn safe_next(next: &str) -> &str {
    let mut bytes = next.bytes();
    let begins_well = bytes.next() == Some(b'/') && bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if begins_well && is_plain { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_on_this_site() {
        assert_eq!(safe_next("/c/mico/toy/submit?x=1"), "/c/mico/toy/submit?x=1");
        for other in
            ["//evil.example", "https://evil.example", "/\\evil.example", "", "/", "/a\nb", "javascript:x", "/./x"]
        {
            assert_eq!(safe_next(other), "/", "{other:?}");
        }
    }

    #[test]
    fn a_query_survives_the_detour_through_the_login_page() {
        assert_eq!(login_href("/c/a?by=AUC&x=%2F"), "/login?next=/c/a%3Fby%3DAUC%26x%3D%252F");
    }
}
