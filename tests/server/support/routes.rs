//! Which routes there are.

use std::collections::BTreeSet;

use super::world::World;

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
}
