// The style sheet, and which theme the page has.
//
// The toolkit's dark theme is a style sheet of its own that sets CSS variables; with the theme
// 'auto' it comes and goes with the system's colour scheme. Only its effect can be asked for.
Ext.define('PVE.foresight.Theme', {
    singleton: true,

    install: function () {
        if (!document.getElementById('foresight-style')) {
            Ext.util.CSS.createStyleSheet(STYLE, 'foresight-style');
        }
        this.apply();
        let media = window.matchMedia('(prefers-color-scheme: dark)');
        if (!this.watching && media.addEventListener) {
            media.addEventListener('change', () => this.apply());
            this.watching = true;
        }
    },

    apply: function () {
        let style = getComputedStyle(document.documentElement);
        let background = style.getPropertyValue('--pwt-panel-background').trim();
        document.documentElement.classList.toggle('foresight-dark', this.isDark(background));
    },

    // Whether a CSS colour is darker than a middle grey; the toolkit sets it in hex or hsl.
    isDark: function (color) {
        let hsl = /^hsl\([^,]*,[^,]*,\s*([\d.]+)%/.exec(color);
        if (hsl) {
            return parseFloat(hsl[1]) < 50;
        }
        let hex = /^#([0-9a-f]{3,8})$/i.exec(color);
        if (!hex) {
            return false;
        }
        let digits = hex[1].length < 6 ? hex[1].replace(/./g, '$&$&') : hex[1];
        let [r, g, b] = [0, 2, 4].map((i) => parseInt(digits.substr(i, 2), 16));
        return 0.299 * r + 0.587 * g + 0.114 * b < 128;
    },
});
