<!DOCTYPE html>
<html>
  <head>
    <title>[% nodename %] - stand-in</title>
  </head>
  <body></body>
</html>
