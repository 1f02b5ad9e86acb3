//! Refuses query parameters that a route does not take, for pages and API alike.
//!
//! A parameter that is misspelt and ignored gives an answer to another question than was asked. So this stands
//! around whole routers, with one table of what their routes take, and no handler has to think of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::Response;

use super::error::{Detail, HttpError};

/// The longest part of an unknown name that is repeated to the client, in characters.
const LONGEST_NAME: usize = 40;

/// The query parameters that routes take, by path and method. A route that is not in the table takes none.
#[derive(Debug, Clone, Default)]
pub struct QueryNames(Arc<BTreeMap<(String, String), BTreeSet<String>>>);

impl<Names> FromIterator<(Method, String, Names)> for QueryNames
where
    Names: IntoIterator<Item = String>,
{
    /// From methods, paths as they are written in the router, and the names that each takes.
    fn from_iter<Routes: IntoIterator<Item = (Method, String, Names)>>(routes: Routes) -> Self {
        let row = |(method, path, names): (Method, String, Names)| {
            ((path, method.to_string()), names.into_iter().collect::<BTreeSet<String>>())
        };
        Self(Arc::new(routes.into_iter().map(row).collect()))
    }
}

impl QueryNames {
    /// `HEAD` takes what `GET` takes.
    fn of(&self, method: &Method, path: &str) -> Option<&BTreeSet<String>> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0.get(&(path.to_owned(), method.to_string()))
    }

    /// Whether an address has no parameter but those of its route, and each of them once.
    ///
    /// # Errors
    /// [`HttpError::BadRequest`], which names the parameter and those that the route takes.
    fn check(&self, method: &Method, path: &str, uri: &Uri) -> Result<(), HttpError> {
        if uri.query().is_none() {
            return Ok(());
        }
        let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(uri)?;
        let known = self.of(method, path);
        let mut seen = BTreeSet::new();
        for (name, _) in given {
            if !known.is_some_and(|known| known.contains(&name)) {
                return Err(unknown(&name, known));
            }
            if let Some(twice) = seen.replace(name) {
                return Err(bad_parameter(format!("`{twice}` is given more than once.")));
            }
        }
        Ok(())
    }
}

fn unknown(name: &str, known: Option<&BTreeSet<String>>) -> HttpError {
    let name: String = name.chars().take(LONGEST_NAME).collect();
    let known: Vec<String> = known.into_iter().flatten().map(|name| format!("`{name}`")).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    bad_parameter(format!("There is no parameter `{name}` here. This address takes {known}."))
}

/// A query parameter that is unknown, or whose value cannot be taken.
pub fn bad_parameter(text: impl Into<String>) -> HttpError {
    HttpError::BadRequest(Detail::new("bad_parameter", text))
}

/// The middleware: refuses a request whose address has a parameter that its route does not take, or one twice.
///
/// # Errors
/// [`HttpError::BadRequest`]
pub async fn refuse_unknown(
    State(names): State<QueryNames>,
    request: Request,
    next: Next,
) -> Result<Response, HttpError> {
    // Where no route matches, the answer is 404 whatever the query.
    if let Some(path) = request.extensions().get::<MatchedPath>() {
        names.check(request.method(), path.as_str(), request.uri())?;
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(method: Method, path: &str, query: &str) -> Option<String> {
        let board = (Method::GET, "/board".to_owned(), ["split".to_owned(), "by".to_owned()]);
        let uri = format!("{path}?{query}").parse().expect("an address");
        match QueryNames::from_iter([board]).check(&method, path, &uri) {
            Err(HttpError::BadRequest(detail)) => Some(detail.text),
            Err(other) => panic!("{other:?}"),
            Ok(()) => None,
        }
    }

    #[test]
    fn a_route_takes_its_own_parameters_and_no_others() {
        for (method, query) in [(Method::GET, "split=dev&by=AUC"), (Method::HEAD, "by="), (Method::GET, "&&")] {
            assert_eq!(refusal(method, "/board", query), None, "{query}");
        }
        let refused = refusal(Method::GET, "/board", "spilt=dev").expect("a refusal");
        assert_eq!(refused, "There is no parameter `spilt` here. This address takes `by`, `split`.");
        let refused = refusal(Method::POST, "/board", "split=dev").expect("a refusal");
        assert_eq!(refused, "There is no parameter `split` here. This address takes none.");
        for query in ["=", "%20split=dev", "Split=dev", "split%00=dev"] {
            assert!(refusal(Method::GET, "/board", query).is_some(), "{query}");
        }
        assert!(refusal(Method::GET, "/other", "split=dev").is_some());
    }

    #[test]
    fn a_parameter_that_comes_twice_is_refused_whatever_its_values() {
        for query in ["split=dev&split=dev", "split=dev&by=AUC&spl%69t=final"] {
            let refused = refusal(Method::GET, "/board", query);
            assert_eq!(refused.as_deref(), Some("`split` is given more than once."), "{query}");
        }
    }

    #[test]
    fn a_long_name_is_not_repeated_in_full() {
        let refused = refusal(Method::GET, "/board", &"x".repeat(5_000)).expect("a refusal");
        assert!(refused.len() < 150, "{refused}");
    }
}
