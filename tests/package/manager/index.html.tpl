<!DOCTYPE html>
<html><head><title>[% nodename %] - stand-in</title></head>
<body><script type="text/javascript">Ext.onReady(function() {});</script></body></html>
