//! Which routes there are, and what somebody gets to see at each of them.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use http_body_util::BodyExt;

use super::actor::Actor;
use super::answer::Answer;
use super::world::World;

/// How long an event stream, which never ends, is listened to.
const LISTEN: Duration = Duration::from_millis(50);

/// A value for each parameter of a path. A test adds those of what it has made itself, such as `id`.
const VALUES: [(&str, &str); 5] = [
    ("competition", "mico"),
    ("track", "tiny"),
    ("name", "SHA256SUMS"),
    ("batch", "0191e2f4-6a7b-7c3d-8e9f-a0b1c2d3e4f5"),
    ("unknown", "nothing"),
];

impl World {
    /// The paths of all routes that the server has, as they are written in the code.
    pub(crate) fn routes(&self) -> BTreeSet<String> {
        // A router cannot be asked for its routes, but it shows them: `RouteId(7): "/c/{competition}"`.
        let shown = format!("{:?}", self.router);
        let path = |piece: &str| Some(piece.split_once(r#"): ""#)?.1.split_once('"')?.0.to_owned());
        let ids = shown.split("RouteId(").skip(1);
        let routes: BTreeSet<String> = ids.filter(|piece| !piece.starts_with(')')).filter_map(path).collect();
        assert!(routes.contains("/") && routes.contains("/healthz"), "no routes can be found in {shown}");
        routes
    }

    /// An address for every route that can be read. The parameters of the paths get the values of [`VALUES`] and those
    /// given; a parameter that has no value yet is an error, so that no new route is left out by mistake. A parameter
    /// may have several values, each of which makes an address.
    pub(crate) async fn places(&self, more: &[(&str, &str)]) -> Vec<String> {
        let values = [&VALUES[..], more].concat();
        let mut places = Vec::new();
        // The router names its own fallbacks so.
        for route in self.routes().into_iter().filter(|route| !route.contains("__private__axum")) {
            let mut open = vec![route.replace("{*", "{")];
            while let Some(place) = open.pop() {
                let Some((before, rest)) = place.split_once('{') else {
                    places.push(place);
                    continue;
                };
                let (name, after) = rest.split_once('}').expect("the end of a parameter");
                let fitting: Vec<_> = values.iter().filter(|(known, _)| *known == name).collect();
                assert!(!fitting.is_empty(), "{route}: add a value for {{{name}}} to VALUES");
                open.extend(fitting.iter().map(|(_, value)| format!("{before}{value}{after}")));
            }
        }
        places.sort();
        let mut readable = Vec::new();
        for place in places {
            if Actor::visitor().glance(self, &place).await.status != StatusCode::METHOD_NOT_ALLOWED {
                readable.push(place);
            }
        }
        readable
    }
}

impl Actor {
    /// The answer to a GET request; of an event stream, what comes at once.
    pub(crate) async fn glance(&self, world: &World, url: &str) -> Answer {
        self.glance_with(world, url, &[]).await
    }

    /// The same with headers.
    pub(crate) async fn glance_with(&self, world: &World, url: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
        let request = self.request("GET", url);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
        let response = world.open(request.body(Body::empty()).expect("a request")).await;
        let (parts, mut body) = response.into_parts();
        let never_ends = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        if !never_ends {
            let body = body.collect().await.expect("a whole answer").to_bytes();
            return Answer { status: parts.status, headers: parts.headers, body };
        }
        let mut heard = Vec::new();
        while let Ok(Some(frame)) = tokio::time::timeout(LISTEN, body.frame()).await {
            heard.extend_from_slice(frame.expect("a stream that goes on").data_ref().expect("data"));
        }
        Answer { status: parts.status, headers: parts.headers, body: heard.into() }
    }
}
