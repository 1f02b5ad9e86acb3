//! The numbers of one scenario: a value for each [`Metric`].

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::metric::Metric;
use crate::roc::RocCurve;

/// The value of every metric for one scenario, each in [0, 1].
///
/// Serialised as a map from the names in scores.txt to the values, in the order of [`Metric::ALL`].
/// Read from a map with exactly these names, in any order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics([f64; Metric::COUNT]);

impl Metrics {
    /// Asks for each value in turn.
    #[must_use]
    pub fn from_fn(value: impl FnMut(Metric) -> f64) -> Self {
        Self(Metric::ALL.map(value))
    }

    /// The value of a metric.
    #[must_use]
    pub const fn get(&self, metric: Metric) -> f64 {
        self.0[metric as usize]
    }

    /// Each metric with its value, in the order of [`Metric::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Metric, f64)> + use<> {
        Metric::ALL.into_iter().zip(self.0)
    }
}

/// Reads all metrics off a curve.
#[must_use]
pub fn metrics(curve: &RocCurve) -> Metrics {
    Metrics::from_fn(|metric| metric.of(curve))
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Metric::COUNT))?;
        for (metric, value) in self.iter() {
            map.serialize_entry(&metric, &value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName;

        impl<'de> Visitor<'de> for ByName {
            type Value = Metrics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from the names of the metrics to their values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
                let mut values = [None; Metric::COUNT];
                while let Some((metric, value)) = map.next_entry::<Metric, f64>()? {
                    if values[metric as usize].replace(value).is_some() {
                        return Err(Error::duplicate_field(metric.name()));
                    }
                }
                let mut metrics = Metrics([0.0; Metric::COUNT]);
                for metric in Metric::ALL {
                    let value = values[metric as usize];
                    metrics.0[metric as usize] = value.ok_or_else(|| Error::missing_field(metric.name()))?;
                }
                Ok(metrics)
            }
        }

        deserializer.deserialize_map(ByName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0.1, 0.2 … 0.9 in the order of the metrics.
    fn tenths() -> Metrics {
        Metrics::from_fn(|metric| (metric as usize + 1) as f64 / 10.0)
    }

    #[test]
    fn each_value_is_found_by_its_metric() {
        let metrics = tenths();
        assert_eq!(metrics.get(Metric::TprFpr10), 0.1);
        assert_eq!(metrics.get(Metric::RANKING), 0.4);
        assert_eq!(metrics.get(Metric::Accuracy), 0.9);
        assert!(metrics.iter().all(|(metric, value)| metrics.get(metric) == value));
    }

    // Stored scores and the API's answers have this form.
    #[test]
    fn json_has_the_names_of_scores_txt_in_the_order_of_the_tables() {
        let json = concat!(
            r#"{"TPR_FPR_10":0.1,"TPR_FPR_100":0.2,"TPR_FPR_500":0.3,"TPR_FPR_1000":0.4,"TPR_FPR_1500":0.5,"#,
            r#""TPR_FPR_2000":0.6,"AUC":0.7,"MIA":0.8,"accuracy":0.9}"#
        );
        assert_eq!(serde_json::to_string(&tenths()).expect("serialisable"), json);
        assert_eq!(serde_json::from_str::<Metrics>(json).expect("readable"), tenths());
        let value: serde_json::Value = serde_json::from_str(json).expect("readable");
        assert_eq!(serde_json::from_value::<Metrics>(value).expect("readable"), tenths());
    }

    #[test]
    fn a_missing_an_unknown_and_a_repeated_name_are_refused() {
        let full = serde_json::to_string(&tenths()).expect("serialisable");
        let told = |json: &str| serde_json::from_str::<Metrics>(json).expect_err("not these names").to_string();
        assert!(told(&full.replace(r#""MIA":0.8,"#, "")).starts_with("missing field `MIA`"));
        assert!(told(&full.replace("MIA", "F1")).starts_with("unknown field `F1`"));
        assert!(told(&full.replace("MIA", "AUC")).starts_with("duplicate field `AUC`"));
    }

    #[test]
    fn a_limit_is_what_the_name_says() {
        for metric in Metric::ALL {
            let in_name = metric.name().strip_prefix("TPR_FPR_").map(|limit| limit.parse().expect("a number"));
            assert_eq!(metric.fpr_limit(), in_name, "{metric}");
            assert_eq!(metric.name().parse(), Ok(metric));
        }
        assert_eq!(
            "F1".parse::<Metric>().map_err(|error| error.to_string()),
            Err("there is no metric of this name".to_owned())
        );
    }
}
