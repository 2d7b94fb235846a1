//! One scrape of `/metrics`: names, labels, values.
//! Which metrics there must be is for the promises to say.

/// What was scraped.
#[derive(Debug)]
pub struct Scrape(Vec<Sample>);

#[derive(Debug)]
struct Sample {
    name: String,
    /// As written: `reason="no_pong",route="/ws/echo"`.
    labels: String,
    value: f64,
}

impl Scrape {
    /// Reads the Prometheus text format.
    ///
    /// # Panics
    /// At a line that is not of that format.
    pub fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(samples.map(sample).collect())
    }

    /// The sum over all label values of `name`; nothing counted yet is 0.
    pub fn sum(&self, name: &str) -> f64 {
        self.0.iter().filter(|sample| sample.name == name).map(|sample| sample.value).sum()
    }

    /// The sum over the samples of `name` whose `label` is `value`.
    pub fn sum_of(&self, name: &str, label: &str, value: &str) -> f64 {
        let wanted = format!("{label}=\"{value}\"");
        let of = |sample: &&Sample| {
            sample.name == name && sample.labels.split(',').any(|pair| pair == wanted)
        };
        self.0.iter().filter(of).map(|sample| sample.value).sum()
    }
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    Sample {
        name: name.to_owned(),
        labels: labels.trim_end_matches('}').to_owned(),
        value: value.parse().unwrap_or_else(|_| panic!("no number in: {line}")),
    }
}
