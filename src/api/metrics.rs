//! The metrics of a scenario in the API's answers, described for OpenAPI.

use std::collections::BTreeMap;

use scoring::{Metric, Metrics};
use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use crate::domain::leaderboard::ScenarioResult;

/// The metrics of a scenario under their names in scores.txt.
#[derive(Debug, serde::Serialize)]
#[serde(transparent)]
pub(super) struct ScenarioNumbers(Metrics);

impl ScenarioNumbers {
    /// The metrics of each scenario, by the scenario's folder.
    pub(super) fn by_name(scenarios: &[ScenarioResult]) -> BTreeMap<String, Self> {
        scenarios.iter().map(|scenario| (scenario.name.clone(), Self(scenario.numbers))).collect()
    }
}

// By hand: `scoring` does not depend on utoipa, and a derived schema would list the metrics again.
impl utoipa::PartialSchema for ScenarioNumbers {
    fn schema() -> RefOr<Schema> {
        let number = |metric: Metric| {
            ObjectBuilder::new()
                .schema_type(Type::Number)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
                .description(Some(metric.explanation()))
        };
        let object = ObjectBuilder::new()
            .description(Some("The metrics of a scenario under their names in scores.txt, each in [0, 1]."))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        let with = |object: ObjectBuilder, metric: Metric| {
            object.property(metric.name(), number(metric)).required(metric.name())
        };
        Metric::ALL.into_iter().fold(object, with).into()
    }
}

impl utoipa::ToSchema for ScenarioNumbers {}
