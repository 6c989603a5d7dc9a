package PVE::API2::Foresight;

# /cluster/foresight. Methods hand a question to the engine and filter its answer by what the caller
# may see; whatever decides is in the engine.

use v5.36;

use PVE::RESTHandler;

use PVE::Foresight;
use PVE::Foresight::Error;
use PVE::Foresight::Reply;
use PVE::Foresight::Rights;
use PVE::Foresight::Settings;
use PVE::Foresight::Visible;

use PVE::API2::Foresight::Backfill;
use PVE::API2::Foresight::Backtest;
use PVE::API2::Foresight::Index;
use PVE::API2::Foresight::MigrationSettings;
use PVE::API2::Foresight::Outcomes;
use PVE::API2::Foresight::PenaltyConfig;
use PVE::API2::Foresight::Recommendations;
use PVE::API2::Foresight::Trends;

use base qw(PVE::RESTHandler);

my %SUBTREES = (
    backfill => 'PVE::API2::Foresight::Backfill',
    backtest => 'PVE::API2::Foresight::Backtest',
    'migration-settings' => 'PVE::API2::Foresight::MigrationSettings',
    outcomes => 'PVE::API2::Foresight::Outcomes',
    'penalty-config' => 'PVE::API2::Foresight::PenaltyConfig',
    recommendations => 'PVE::API2::Foresight::Recommendations',
    trends => 'PVE::API2::Foresight::Trends',
);

__PACKAGE__->register_method({ subclass => $SUBTREES{$_}, path => $_ }) for sort keys %SUBTREES;

__PACKAGE__->register_method(
    PVE::API2::Foresight::Index::method("Index of the trend-based migration advice.", sort('status', keys %SUBTREES)),
);

__PACKAGE__->register_method({
    name => 'status',
    path => 'status',
    method => 'GET',
    protected => 1,
    description => "Version, age of the newest sample, size of the store, and whether the settings can be used.",
    permissions => { check => ['perm', '/', ['Sys.Audit']] },
    parameters => { additionalProperties => 0, properties => {} },
    returns => PVE::Foresight::Reply::status(),
    code => sub ($param) {
        return PVE::Foresight::Error::translate(sub {
            my $status = PVE::Foresight::ask('status');
            my $settings = PVE::Foresight::Settings::effective();
            $status->{settings} = { map { $_ => $settings->{$_} } qw(refused warnings) };
            return PVE::Foresight::Visible::status($status, PVE::Foresight::Rights->of_caller());
        });
    },
});

1;
