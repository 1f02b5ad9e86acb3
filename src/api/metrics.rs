//! The metrics of a scenario in the API's answers, described for OpenAPI.

use std::collections::BTreeMap;

use scoring::{Metric, Metrics, RankingKind};
use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use crate::domain::leaderboard::SplitResult;

/// The ranking number, under the name that the track's rule gives it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) enum RankingValue {
    /// The mean of `TPR_FPR_1000` over the track's scenarios; one that is left out counts as 0.
    #[serde(rename = "average_TPR_FPR_1000")]
    Mean(f64),
    /// The greatest `TPR_FPR_1000` of the scenarios.
    #[serde(rename = "max_TPR_FPR_1000")]
    Max(f64),
}

impl RankingValue {
    /// A value under the name of what it is.
    pub(super) fn new(number: RankingKind, value: f64) -> Self {
        match number {
            RankingKind::Mean => Self::Mean(value),
            RankingKind::Max => Self::Max(value),
        }
    }
}

impl From<&SplitResult> for RankingValue {
    fn from(result: &SplitResult) -> Self {
        Self::new(result.ranking.number(), result.ranking_value)
    }
}

/// The metrics of a scenario under their names in scores.txt; null for a scenario that is left out.
#[derive(Debug, serde::Serialize)]
#[serde(transparent)]
pub(super) struct ScenarioNumbers(Option<Metrics>);

impl ScenarioNumbers {
    /// The metrics of each scenario of the track, by the scenario's folder.
    pub(super) fn by_name<'a>(
        scenarios: impl IntoIterator<Item = &'a str>,
        result: &SplitResult,
    ) -> BTreeMap<String, Self> {
        let of = |name: &str| Self(result.scenario(name).map(|scenario| scenario.numbers));
        scenarios.into_iter().map(|name| (name.to_owned(), of(name))).collect()
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
            .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
            .description(Some(
                "The metrics of a scenario under their names in scores.txt, each in [0, 1]; null if it is left out.",
            ))
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
        let answer = json!(ScenarioNumbers(Some(Metrics::from_fn(|_| 0.5))));
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
        assert_eq!((json!(ScenarioNumbers(None)), &schema["type"]), (json!(null), &json!(["object", "null"])));
    }
}
