//! Draws curves over a size, beside each other, as SVG: the size on a scale of powers, the figure
//! from zero.
//! Leaves to `plots`: what the curves are.

use anyhow::{Result, anyhow};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{figures::digits, work::thousands};

/// Curves over one size.
#[derive(Clone, Debug)]
pub(crate) struct Diagram {
    /// What they show, with its unit.
    pub(crate) title: String,
    /// What grows.
    pub(crate) size: String,
    /// Who is compared.
    pub(crate) curves: Vec<Curve>,
}

/// A server's figures by size.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    /// The server.
    pub(crate) name: String,
    /// Size and figure.
    pub(crate) points: Vec<(u64, f64)>,
}

/// Of a diagram, in pixels.
const WIDTH: u32 = 480;
const HEIGHT: u32 = 320;

/// The floor's is the same as in bars.
fn colour(name: &str) -> RGBColor {
    match name {
        "floor" => RGBColor(140, 140, 140),
        "holdline" => RGBColor(19, 87, 166),
        _ => RGBColor(204, 102, 0),
    }
}

/// The picture. Fails only where an SVG cannot be drawn.
pub(crate) fn draw_curves(title: &str, diagrams: &[Diagram]) -> Result<String> {
    let rows = diagrams.len().div_ceil(2) as u32;
    let mut svg = String::new();
    {
        let area =
            SVGBackend::with_string(&mut svg, (WIDTH * 2, HEIGHT * rows + 40)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let area = area.titled(title, ("sans-serif", 19)).map_err(failed)?;
        for (part, diagram) in area.split_evenly((rows as usize, 2)).iter().zip(diagrams) {
            draw_diagram(part, diagram)?;
        }
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

fn draw_diagram(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    diagram: &Diagram,
) -> Result<()> {
    let points = || diagram.curves.iter().flat_map(|curve| &curve.points);
    let least = points().map(|(size, _)| *size).min().unwrap_or(1).max(1) as f64;
    let most = points().map(|(size, _)| *size).max().unwrap_or(1) as f64;
    let top = points().map(|(_, figure)| *figure).fold(f64::MIN_POSITIVE, f64::max) * 1.25;
    let mut chart = ChartBuilder::on(area)
        .caption(&diagram.title, ("sans-serif", 14))
        .margin(14)
        .x_label_area_size(42)
        .y_label_area_size(52)
        .build_cartesian_2d((least * 0.8..most * 1.25).log_scale(), 0.0..top)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_desc(&diagram.size)
        .x_label_formatter(&|_| String::new())
        .y_labels(6)
        .y_label_formatter(&|figure| digits(*figure))
        .label_style(("sans-serif", 12))
        .draw()
        .map_err(failed)?;
    for curve in &diagram.curves {
        let colour = colour(&curve.name);
        let mut line: Vec<(f64, f64)> =
            curve.points.iter().map(|(size, figure)| (*size as f64, *figure)).collect();
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
        let marks = line.iter().map(|point| Circle::new(*point, 3, colour.filled()));
        chart.draw_series(marks).map_err(failed)?;
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)))
            .map_err(failed)?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    // At the sizes that were measured, instead of powers of ten.
    let mut sizes: Vec<u64> = points().map(|(size, _)| *size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let style =
        TextStyle::from(("sans-serif", 12).into_font()).pos(Pos::new(HPos::Center, VPos::Top));
    let labels = sizes.into_iter().map(|size| {
        EmptyElement::at((size as f64, 0.0)) + Text::new(thousands(size), (0, 6), style.clone())
    });
    chart.draw_series(labels).map_err(failed)?;
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .label_font(("sans-serif", 12))
        .background_style(WHITE)
        .draw()
        .map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}
