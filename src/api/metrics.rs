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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_schema_describes_the_fields_of_an_answer_and_no_others() {
        let answer = json!(ScenarioNumbers(Metrics::from_fn(|_| 0.5)));
        let names: Vec<_> = answer.as_object().expect("an object").keys().collect();
        let schema = json!(ScenarioNumbers::schema());
        assert_eq!(schema["required"], json!(names));
        let described: BTreeSet<_> = schema["properties"].as_object().expect("properties").keys().collect();
        assert_eq!(described, names.into_iter().collect());
        assert_eq!(
            schema["properties"]["AUC"],
            json!({"type": "number", "format": "double", "description": "Area under the curve."})
        );
        assert_eq!(schema["additionalProperties"], json!(false));
    }
}
