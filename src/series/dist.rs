//! Student's t distribution.

/// Logarithm of the gamma function for x > 0 (Lanczos 1964, g = 7, nine terms; error < 1e-13).
fn ln_gamma(x: f64) -> f64 {
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = (1..9).fold(C[0], |sum, i| sum + C[i] / (x + i as f64));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// Student's t distribution with some degrees of freedom.
struct Student {
    dof: f64,
    /// Logarithm of Γ(dof/2 + 1/2) / (Γ(dof/2) Γ(1/2)).
    log_beta: f64,
}

/// Logarithm of Γ(1/2), which is that of the root of π.
const LN_GAMMA_HALF: f64 = 0.572_364_942_924_700_1;

impl Student {
    fn of(dof: f64) -> Self {
        let half = 0.5 * dof;
        Self { dof, log_beta: ln_gamma(half + 0.5) - ln_gamma(half) - LN_GAMMA_HALF }
    }

    /// P(|T| > |t|).
    fn beyond(&self, t: f64) -> f64 {
        incomplete_beta(0.5 * self.dof, 0.5, self.dof / (self.dof + t * t), self.log_beta)
    }

    /// P(T <= t).
    fn below(&self, t: f64) -> f64 {
        let tail = 0.5 * self.beyond(t);
        if t > 0.0 { 1.0 - tail } else { tail }
    }
}

/// Regularised incomplete beta function I_x(a, b) by Lentz's continued fraction
/// (Press et al., Numerical Recipes, 6.4); `log_beta` is the logarithm of Γ(a + b) / (Γ(a) Γ(b)).
fn incomplete_beta(a: f64, b: f64, x: f64, log_beta: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x, log_beta);
    }
    const TINY: f64 = 1e-300;
    let guard = |v: f64| if v.abs() < TINY { TINY } else { v };
    let (mut c, mut d) = (1.0, 1.0 / guard(1.0 - (a + b) * x / (a + 1.0)));
    let mut h = d;
    for m in 1..300 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-14 {
            break;
        }
    }
    (log_beta + a * x.ln() + b * (1.0 - x).ln()).exp() * h / a
}

/// P(T <= t) for Student's t with `dof` degrees of freedom.
pub fn t_cdf(t: f64, dof: f64) -> f64 {
    Student::of(dof).below(t)
}

/// Two-sided p-value of `t`.
pub fn t_two_sided(t: f64, dof: f64) -> f64 {
    Student::of(dof).beyond(t)
}

/// Quantile of Student's t for 0.5 <= `p` < 1 and `dof` >= 2: the expansion of Cornish & Fisher 1937
/// in 1 / dof (Abramowitz & Stegun 26.7.5), below 60 degrees of freedom followed by Newton's method on
/// [`t_cdf`]. Error below 1e-6 where the expansion is the answer, else 1e-9.
pub fn t_quantile(p: f64, dof: f64) -> f64 {
    let z = normal_quantile(p);
    let z2 = z * z;
    let g1 = z * (z2 + 1.0) / 4.0;
    let g2 = z * ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
    let g3 = z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
    let g4 = z * ((((79.0 * z2 + 776.0) * z2 + 1_482.0) * z2 - 1_920.0) * z2 - 945.0) / 92_160.0;
    let mut t = z + (g1 + (g2 + (g3 + g4 / dof) / dof) / dof) / dof;
    if dof >= 60.0 && p <= 0.99 {
        return t;
    }
    let (half, student) = (0.5 * (dof + 1.0), Student::of(dof));
    let scale = student.log_beta.exp() / dof.sqrt();
    for _ in 0..50 {
        let density = scale * (1.0 + t * t / dof).powf(-half);
        // The upper tail is concave in log: a bounded step cannot run away.
        let step =
            ((student.below(t) - p) / density).clamp(-0.5 * t.abs() - 0.1, 2.0 * t.abs() + 0.1);
        t -= step;
        // Newton doubles the digits: this step's error is the square of its size.
        if step.abs() < 1e-5 * (1.0 + t.abs()) {
            break;
        }
    }
    t
}

/// Quantile of the normal distribution for 0.5 <= `p` < 1 (Wichura 1988, algorithm AS 241, PPND7, relative
/// error about 1e-7).
fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    let ratio = |r: f64, over: [f64; 4], under: [f64; 3]| {
        let top = ((over[3] * r + over[2]) * r + over[1]) * r + over[0];
        top / (((under[2] * r + under[1]) * r + under[0]) * r + 1.0)
    };
    if q <= 0.425 {
        let over = [3.387_132_717_9, 5.043_427_193_8e1, 1.592_911_320_2e2, 5.910_937_472e1];
        let under = [1.789_516_946_9e1, 7.875_775_766_4e1, 6.718_756_36e1];
        return q * ratio(0.180_625 - q * q, over, under);
    }
    let r = (-(1.0 - p).max(1e-300).ln()).sqrt();
    if r <= 5.0 {
        let over = [1.423_437_277_7, 2.756_815_39, 1.306_728_481_6, 1.702_382_110_3e-1];
        let under = [7.370_016_425e-1, 1.202_113_297_5e-1, 0.0];
        return ratio(r - 1.6, over, under);
    }
    let over = [6.657_905_115, 3.081_226_386, 4.286_829_433_7e-1, 1.733_720_399_7e-2];
    let under = [2.419_789_422_5e-1, 1.225_820_263_5e-2, 0.0];
    ratio(r - 5.0, over, under)
}
