[%# Proxmox VE's own page, diverted to index.html.tpl.distrib, with our script behind its own. If that
    page has no head any more, it is served as it is. -%]
[%- page = INCLUDE '/usr/share/pve-manager/index.html.tpl.distrib' -%]
[%- ours = '<script type="text/javascript" src="/pve2/js/pve-foresight.js?ver=@VERSION@"></script>' -%]
[%- page.replace('</head>', "$ours\n  </head>") -%]
