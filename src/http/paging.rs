//! Lists in pages, for every list of the API: `?limit=`, `?after=` and the field `next`.
//!
//! A cursor holds the key of the last item of a page, and the next page begins behind that key. So every item is
//! listed once, however many are added in the meantime. Cursors are signed and belong to one list: nobody can make
//! one up, so their content can change from version to version.

use axum::extract::{FromRef, FromRequestParts, OriginalUri, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, Required};

use super::error::HttpError;
use super::link::encode;
use super::query::bad_parameter;
use crate::app::App;
use crate::secret;

/// Bytes of a signature.
const SIGNATURE: usize = 32;

/// Which part of a list is asked for. A page has `MOST` items unless `limit` asks for fewer.
#[derive(Debug, Clone)]
pub struct Paging<const MOST: usize> {
    /// Path and query of the list, without `after` and `limit`.
    list: String,
    limit: usize,
    /// The key of the last item that the client has, as JSON.
    after: Option<String>,
    signing_key: Vec<u8>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The address of the next page; `None` after the last one.
    pub next: Option<String>,
}

impl<const MOST: usize> Paging<MOST> {
    /// # Errors
    /// [`HttpError::BadRequest`] where `limit` is out of range, or `after` is not a cursor of this list.
    fn parse(uri: &Uri, signing_key: Vec<u8>) -> Result<Self, HttpError> {
        let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(uri)?;
        let mut paging = Self { list: uri.path().to_owned(), limit: MOST, after: None, signing_key };
        let (mut cursor, mut rest) = (None, Vec::new());
        for (name, value) in given {
            match name.as_str() {
                "after" => cursor = Some(value),
                "limit" => paging.limit = limit::<MOST>(&value)?,
                _ => rest.push(format!("{}={}", encode(&name), encode(&value))),
            }
        }
        if !rest.is_empty() {
            paging.list = format!("{}?{}", paging.list, rest.join("&"));
        }
        paging.after = cursor.map(|cursor| paging.open(&cursor).ok_or_else(not_of_this_list)).transpose()?;
        Ok(paging)
    }

    /// The key of the last item that the client has; `None` for the first page.
    ///
    /// # Errors
    /// [`HttpError::BadRequest`] where the cursor was made by a version of the server with other keys.
    pub fn after<Key: DeserializeOwned>(&self) -> Result<Option<Key>, HttpError> {
        let key = self.after.as_deref().map(serde_json::from_str);
        key.transpose().map_err(|_| not_of_this_list())
    }

    /// How many items to load: one more than the page has, because that one tells whether there is another page.
    pub fn to_load(&self) -> usize {
        self.limit + 1
    }

    /// The page that begins with `items`, of which up to [`to_load`](Self::to_load) are there. `key` is what the
    /// list is ordered by, and must not be equal for two items.
    ///
    /// # Errors
    /// [`HttpError::Internal`] where a key cannot be written as JSON.
    pub fn page<T, Key: Serialize>(
        &self,
        mut items: Vec<T>,
        key: impl FnOnce(&T) -> Key,
    ) -> Result<Page<T>, HttpError> {
        let has_more = items.len() > self.limit;
        items.truncate(self.limit);
        let next = match items.last() {
            Some(last) if has_more => {
                Some(self.address(&serde_json::to_string(&key(last)).map_err(HttpError::internal)?))
            }
            _ => None,
        };
        Ok(Page { items, next })
    }

    /// The address of the page behind the item with this key.
    fn address(&self, key: &str) -> String {
        let separator = if self.list.contains('?') { '&' } else { '?' };
        let mut cursor = secret::sign(&self.signing_key, &self.signed_text(key)).to_vec();
        cursor.extend_from_slice(key.as_bytes());
        let limit = if self.limit == MOST { String::new() } else { format!("&limit={}", self.limit) };
        format!("{}{separator}after={}{limit}", self.list, hex::encode(cursor))
    }

    fn open(&self, cursor: &str) -> Option<String> {
        let bytes = hex::decode(cursor).ok()?;
        let (signature, key) = bytes.split_at_checked(SIGNATURE)?;
        let key = std::str::from_utf8(key).ok()?;
        secret::is_signed(&self.signing_key, &self.signed_text(key), signature).then(|| key.to_owned())
    }

    fn signed_text(&self, key: &str) -> String {
        format!("callimico page 1\n{}\n{key}", self.list)
    }
}

fn limit<const MOST: usize>(text: &str) -> Result<usize, HttpError> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| bad_parameter(format!("`limit` is a whole number from 1 to {MOST}.")))
}

/// A cursor that is damaged, belongs to another list, or points at what is gone.
pub fn not_of_this_list() -> HttpError {
    bad_parameter("`after` is not a cursor of this list. Take `next` as it was given, or begin without `after`.")
}

impl<S: Send + Sync, const MOST: usize> FromRequestParts<S> for Paging<MOST>
where
    App: FromRef<S>,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let signing_key = App::from_ref(state).link_key().await?.to_vec();
        // A router below a prefix sees the address without it.
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
        Self::parse(uri, signing_key)
    }
}

impl<const MOST: usize> utoipa::IntoParams for Paging<MOST> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = |name: &str, description: &str, schema: ObjectBuilder| {
            let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
            parameter.required(Required::False).description(Some(description)).schema(Some(schema)).build()
        };
        let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(MOST));
        let limit = limit.default(Some(MOST.into()));
        let cursor = ObjectBuilder::new().schema_type(Type::String);
        vec![
            parameter("after", "Where the page begins: part of the address in `next`, opaque", cursor),
            parameter("limit", "The most items on a page", limit),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Numbers = Paging<10>;

    fn paging(address: &str) -> Result<Numbers, HttpError> {
        Numbers::parse(&address.parse().expect("an address"), vec![7; 32])
    }

    /// Numbers from 25 down to 1, as a store would find them behind a key.
    fn page(address: &str) -> Page<u32> {
        let paging = paging(address).expect("a page");
        let after = paging.after::<u32>().expect("a key").unwrap_or(26);
        let items = (1..after).rev().take(paging.to_load()).collect();
        paging.page(items, |number| *number).expect("a page")
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        for (first, sizes) in [("/n", vec![10, 10, 5]), ("/n?limit=5", vec![5; 5]), ("/n?limit=9&x=%26", vec![9, 9, 7])]
        {
            let (mut next, mut found, mut counted) = (Some(first.to_owned()), Vec::new(), Vec::new());
            while let Some(address) = next {
                let page = page(&address);
                counted.push(page.items.len());
                found.extend(page.items);
                next = page.next;
            }
            assert_eq!(found, (1..=25).rev().collect::<Vec<u32>>(), "{first}");
            assert_eq!(counted, sizes, "{first}");
        }
    }

    #[test]
    fn an_empty_list_is_one_page() {
        let paging = paging("/n").expect("a page");
        assert_eq!(paging.page(Vec::<u32>::new(), |number| *number).expect("a page").next, None);
    }

    #[test]
    fn a_cursor_is_good_for_its_list_alone_and_only_as_it_was_given() {
        let next = page("/n?x=1").next.expect("a next page");
        assert!(paging(&next).is_ok());
        assert!(paging(&next.replace("/n?", "/m?")).is_err());
        assert!(paging(&next.replace("x=1", "x=2")).is_err());
        let cursor = next.split_once("after=").expect("a cursor").1;
        for place in 0..cursor.len() {
            let digit = if cursor.as_bytes()[place] == b'0' { "1" } else { "0" };
            let altered = format!("{}{digit}{}", &cursor[..place], &cursor[place + 1..]);
            assert!(paging(&format!("/n?x=1&after={altered}")).is_err(), "digit {place}");
        }
        for made_up in ["", "0", "zz", "16", &"00".repeat(32), &format!("{cursor}00"), &cursor[..64]] {
            assert!(paging(&format!("/n?x=1&after={made_up}")).is_err(), "{made_up}");
        }
    }

    #[test]
    fn a_limit_is_a_number_within_bounds() {
        for limit in ["1", "10"] {
            assert!(paging(&format!("/n?limit={limit}")).is_ok(), "{limit}");
        }
        for limit in ["0", "11", "-1", "", "ten", "1.0", "99999999999999999999999"] {
            assert!(paging(&format!("/n?limit={limit}")).is_err(), "{limit}");
        }
    }
}
