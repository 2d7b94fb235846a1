//! Draws panels of horizontal bars, two beside each other, as SVG.
//! Leaves to `plots`: what the bars are.

use anyhow::{Result, anyhow};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::figures::{Spread, digits};

/// Bars under one title, drawn to one scale.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// What they show, with its unit.
    pub(crate) title: String,
    /// From top to bottom.
    pub(crate) bars: Vec<Bar>,
}

/// A server's figure.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// The server.
    pub(crate) name: String,
    /// The bar is the median; a line spans from the smallest to the largest round.
    pub(crate) spread: Spread,
}

/// Of the whole picture, in pixels.
const WIDTH: i32 = 960;
/// The picture's title.
const HEAD: i32 = 44;
/// A panel's title.
const PANEL_HEAD: i32 = 34;
const ROW: i32 = 23;
const GAP: i32 = 22;
/// From a panel's left edge to where its bars begin.
const NAMES: i32 = 165;
/// Behind the longest bar, for its number.
const NUMBERS: i32 = 70;

/// What everything is compared with, ours, and the others.
const FLOOR: RGBColor = RGBColor(140, 140, 140);
const OWN: RGBColor = RGBColor(19, 87, 166);
const OTHERS: RGBColor = RGBColor(226, 156, 70);

/// The picture. Fails only where an SVG cannot be drawn.
pub(crate) fn draw_bars(title: &str, panels: &[Panel]) -> Result<String> {
    let heights: Vec<i32> = panels.chunks(2).map(height).collect();
    let full = HEAD + heights.iter().sum::<i32>();
    let mut svg = String::new();
    {
        let area =
            SVGBackend::with_string(&mut svg, (WIDTH as u32, full as u32)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        text(&area, title, (WIDTH / 2, HEAD / 2), (19, HPos::Center))?;
        let mut top = HEAD;
        for (pair, height) in panels.chunks(2).zip(heights) {
            for (index, panel) in pair.iter().enumerate() {
                let left = index as i32 * WIDTH / 2;
                draw_panel(&area, panel, (left, top))?;
            }
            top += height;
        }
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn height(pair: &[Panel]) -> i32 {
    let rows = pair.iter().map(|panel| panel.bars.len()).max().unwrap_or_default();
    PANEL_HEAD + rows as i32 * ROW + GAP
}

fn draw_panel(area: &Area<'_>, panel: &Panel, (left, top): (i32, i32)) -> Result<()> {
    text(area, &panel.title, (left + WIDTH / 4, top + PANEL_HEAD / 2), (14, HPos::Center))?;
    let largest = panel.bars.iter().map(|bar| bar.spread.max).fold(f64::MIN_POSITIVE, f64::max);
    let room = f64::from(WIDTH / 2 - NAMES - NUMBERS);
    let x = |value: f64| left + NAMES + (value.max(0.0) / largest * room) as i32;
    for (index, bar) in panel.bars.iter().enumerate() {
        let middle = top + PANEL_HEAD + index as i32 * ROW + ROW / 2;
        text(area, &bar.name, (left + NAMES - 8, middle), (13, HPos::Right))?;
        let corners = [(x(0.0), middle - 8), (x(bar.spread.median), middle + 8)];
        area.draw(&Rectangle::new(corners, colour(&bar.name).filled())).map_err(failed)?;
        let rounds = vec![(x(bar.spread.min), middle), (x(bar.spread.max), middle)];
        area.draw(&PathElement::new(rounds, BLACK.stroke_width(2))).map_err(failed)?;
        let number = digits(bar.spread.median);
        text(area, &number, (x(bar.spread.max) + 7, middle), (13, HPos::Left))?;
    }
    Ok(())
}

fn colour(name: &str) -> RGBColor {
    match name {
        "floor" => FLOOR,
        _ if name.starts_with("holdline") => OWN,
        "nginx plain" | "nginx TLS" => OWN,
        _ => OTHERS,
    }
}

fn text(area: &Area<'_>, words: &str, at: (i32, i32), (size, across): (i32, HPos)) -> Result<()> {
    let style = TextStyle::from(("sans-serif", size).into_font())
        .color(&BLACK)
        .pos(Pos::new(across, VPos::Center));
    area.draw(&Text::new(words.to_owned(), at, style)).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}
